package com.redis.flink.source;

import java.util.Objects;

/** A POJO of a job, as Jackson and Flink like them. */
public final class Order {

    private String customer;
    private long cents;

    public Order() {}

    Order(String customer, long cents) {
        this.customer = customer;
        this.cents = cents;
    }

    public String getCustomer() {
        return customer;
    }

    public void setCustomer(String customer) {
        this.customer = customer;
    }

    public long getCents() {
        return cents;
    }

    public void setCents(long cents) {
        this.cents = cents;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Order
                && Objects.equals(customer, ((Order) other).customer)
                && cents == ((Order) other).cents;
    }

    @Override
    public int hashCode() {
        return Objects.hash(customer, cents);
    }

    @Override
    public String toString() {
        return customer + ": " + cents;
    }
}
