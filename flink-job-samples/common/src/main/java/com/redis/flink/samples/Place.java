package com.redis.flink.samples;

/** Where a sensor is. */
public final class Place {

    private String room = "";
    private int floor;

    public String getRoom() {
        return room;
    }

    public void setRoom(String room) {
        this.room = room;
    }

    public int getFloor() {
        return floor;
    }

    public void setFloor(int floor) {
        this.floor = floor;
    }
}
