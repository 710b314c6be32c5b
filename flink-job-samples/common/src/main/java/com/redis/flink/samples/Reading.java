package com.redis.flink.samples;

/** What a sensor has measured: a Flink POJO, and a bean for Jackson. */
public final class Reading {

    private int sensor;
    private long number;
    private double celsius;
    private Place place = new Place();

    /** Makes an empty one, which Flink and Jackson fill. */
    public Reading() {}

    /** Makes a sensor's reading out of its number. */
    public Reading(int sensor, long number) {
        this.sensor = sensor;
        this.number = number;
        celsius = 20 + sensor / 10.0 + number % 7;
        place.setRoom("room " + sensor % 4);
        place.setFloor(sensor % 3);
    }

    public int getSensor() {
        return sensor;
    }

    public void setSensor(int sensor) {
        this.sensor = sensor;
    }

    public long getNumber() {
        return number;
    }

    public void setNumber(long number) {
        this.number = number;
    }

    public double getCelsius() {
        return celsius;
    }

    public void setCelsius(double celsius) {
        this.celsius = celsius;
    }

    public Place getPlace() {
        return place;
    }

    public void setPlace(Place place) {
        this.place = place;
    }
}
