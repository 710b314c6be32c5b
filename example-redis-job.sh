#!/usr/bin/env bash
# Runs the sample flink-job-samples/partitioned-stream on a Flink cluster, adds messages to the topic `test`, and
# shows them in the topic `output`: in Docker's stack (docker-compose.yml) where an engine answers, else with a Redis
# and a Flink on this machine that end with the script.
exec "$(dirname "${BASH_SOURCE[0]}")/dev" example redis-job
