package com.redis.flink.chaos;

/** What can go wrong on real parts. */
enum Fault {
    KILL_TASK_MANAGER("kill -9 of a TaskManager"),
    PAUSE_TASK_MANAGER("SIGSTOP of a TaskManager, SIGCONT when given up"),
    CUT_OFF_TASK_MANAGER("TaskManager cut off from the JobManager, reads on"),
    KILL_CONNECTIONS("CLIENT KILL of all connections"),
    RESTART_REDIS("kill -9 and restart of Redis"),
    BLACK_HOLE("black hole between job and Redis"),
    RESET_CONNECTIONS("reset of all connections"),
    RESCALE("stop with savepoint, restore at another parallelism"),
    RESTORE_CHECKPOINT("cancel, restore from the last checkpoint");

    final String title;

    Fault(String title) {
        this.title = title;
    }
}
