#!/usr/bin/env bash
# Runs the sample flink-job-samples/hash-sink on a Flink cluster and shows what is in Redis then: in Docker's stack
# (docker-compose.yml) where an engine answers, else with a Redis and a Flink on this machine that end with the script.
exec "$(dirname "${BASH_SOURCE[0]}")/dev" example hash-sink
