# Runs a sample on a Flink cluster and shows the result in Redis. Part of ./dev, whose functions it uses: example NAME.
#
# With a Docker engine the cluster is that of docker-compose.yml, and stays. Else it is a JobManager and a TaskManager
# on this machine, put together from Maven Central, and a redis-server; they end with the script.

readonly EXAMPLE_MESSAGES=1000 # of redis-job, to each of its 4 partitions a quarter
readonly EXAMPLE_SECONDS=90    # that any wait may take
example_pids=()

run_example() {
  local name=${1:-} jar
  case $name in
    json-sink | hash-sink) jar=$name ;;
    redis-job) jar=partitioned-stream ;;
    *) die "example: '$name' is none (json-sink, hash-sink, redis-job)" ;;
  esac
  jar=flink-job-samples/$jar/build/libs/$jar-all.jar
  if has docker && docker info >/dev/null 2>&1; then
    example_on_docker
  else
    say "No Docker engine answers: a Redis and a Flink of this machine's own."
    example_on_this_machine "$name"
  fi
  "example_${name//-/_}" "$jar"
}

# --- where: each defines example_cli (redis-cli), example_flink (Flink's command line) and example_address ------------

example_on_docker() {
  need jdk gradle linker rust
  say "Building (the first time takes some minutes) ..."
  build --portable --flink "${FLINK_VERSIONS[0]}" >/dev/null # `docker compose` mounts nothing: jars are copied
  docker compose up -d
  example_address="redis 6379"
  example_cli() { docker compose exec -T redis redis-cli "$@"; }
  example_flink() { docker compose exec -T jobmanager flink "$@"; }
  example_put() { # a jar to where the cluster's command line sees it
    docker compose cp "$1" jobmanager:/tmp/ >&2
    echo "/tmp/${1##*/}"
  }
  example_wait "Flink" docker_has_slots
  say "Flink's web UI: http://localhost:8081. \`docker compose down\` ends the stack."
}

docker_has_slots() { example_flink list >/dev/null 2>&1; }

example_on_this_machine() {
  local work redis_port rest_port modules=()
  need jdk gradle linker rust redis
  has redis-server && has redis-cli || die "please install redis-server (with redis-cli)"
  if [[ $1 == json-sink ]]; then
    get_rejson || die "the JSON sink needs RedisJSON: set FLINK_REDIS_TEST_REJSON to a rejson.so"
    modules=(--loadmodule "$REJSON")
  fi
  say "Building (the first time takes some minutes) ..."
  gradle_run -q -PflinkVersion="${FLINK_VERSIONS[0]}" \
    :flink-job-samples:{json-sink,hash-sink,partitioned-stream}:fatJar \
    :tests:sessionClusterArguments >&2

  example_work=$(mktemp -d)
  trap example_end EXIT
  work=$example_work
  redis_port=$(example_free_port)
  rest_port=$(example_free_port)
  example_rest_port=$rest_port
  redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work" --save '' --appendonly no \
    ${modules[@]+"${modules[@]}"} >"$work/redis.log" 2>&1 &
  example_pids+=($!)

  mkdir -p "$work/conf" "$work/tmp"
  cat >"$work/conf/config.yaml" <<YAML
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: $(example_free_port)
jobmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 768m
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 8
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: $rest_port
rest.bind-port: $rest_port
io.tmp.dirs: $work/tmp
YAML
  example_java jobmanager -Xmx384m org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint \
    --configDir "$work/conf" >"$work/jobmanager.out" 2>&1 &
  example_pids+=($!)
  # What Flink's start script computes from the sizes in the configuration.
  example_java taskmanager '-Xmx384m -XX:MaxDirectMemorySize=256m' \
    org.apache.flink.runtime.taskexecutor.TaskManagerRunner \
    --configDir "$work/conf" -D taskmanager.cpu.cores=2.0 -D taskmanager.memory.framework.heap.size=128m \
    -D taskmanager.memory.framework.off-heap.size=128m -D taskmanager.memory.task.heap.size=256m \
    -D taskmanager.memory.task.off-heap.size=0b -D taskmanager.memory.managed.size=32m \
    -D taskmanager.memory.network.min=64m -D taskmanager.memory.network.max=64m \
    -D taskmanager.memory.jvm-metaspace.size=160m -D taskmanager.memory.jvm-overhead.min=96m \
    -D taskmanager.memory.jvm-overhead.max=96m >"$work/taskmanager.out" 2>&1 &
  example_pids+=($!)

  example_address="127.0.0.1 $redis_port"
  example_cli() { redis-cli -p "${example_address#* }" "$@"; }
  example_flink() {
    FLINK_CONF_DIR=$example_work/conf example_java cli -Xmx256m org.apache.flink.client.cli.CliFrontend "$@"
  }
  example_put() { echo "$1"; }
  example_wait "Redis" example_answers
  example_wait "Flink" example_has_slots
  say "Redis runs on port $redis_port. Flink's web UI, until the script ends: http://localhost:$rest_port"
}

example_java() { # NAME HEAP_OPTIONS MAIN ARGUMENTS...
  local name=$1 heap=$2 opened
  local -a options
  shift 2
  read -ra options <<<"$heap"
  for opened in lang net io nio text time util util.concurrent; do
    options+=("--add-opens=java.base/java.$opened=ALL-UNNAMED")
  done
  exec java "${options[@]}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$example_work/tmp" \
    -Dtest.log="$example_work/$name" -Dlog4j2.configurationFile="$PWD/gradle/log4j2-test.properties" \
    @tests/build/session-cluster.args "$@"
}

example_end() {
  local status=$?
  if ((status != 0)) && [[ -d $example_work ]]; then
    say "What Redis and Flink said:"
    tail -n 20 "$example_work"/*.out "$example_work"/*.log >&2 || true
  fi
  # No job of the script is left that would be worth an orderly end.
  ((${#example_pids[@]} == 0)) || kill -9 "${example_pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$example_work"
}

example_free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

example_answers() { [[ $(example_cli ping 2>/dev/null) == PONG ]]; }

# No curl on a bare machine.
example_has_slots() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$example_rest_port" || exit 1
    printf 'GET /overview HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    timeout 5 cat <&3 | grep -q '"slots-available":8'
  ) 2>/dev/null
}

example_wait() { # WHAT CONDITION...
  local what=$1 until=$((SECONDS + EXAMPLE_SECONDS))
  shift
  until "$@"; do
    ((SECONDS < until)) || die "$what: not within $EXAMPLE_SECONDS s"
    sleep 0.3
  done
}

# --- what -------------------------------------------------------------------------------------------------------------

example_show() { # redis-cli's arguments
  printf '\n$ redis-cli %s\n' "$*"
  example_cli "$@"
}

example_run() { # JAR OPTIONS OF `flink run`...
  local jar host=${example_address% *} port=${example_address#* }
  jar=$(example_put "$1")
  shift
  (example_flink run "$@" "$jar" --host "$host" --port "$port")
}

example_json_sink() {
  say "Running the job: 1000 readings of 20 sensors ..."
  example_run "$1" >&2
  example_show EXISTS sensor:{0..19}
  example_show JSON.GET sensor:7
  example_show JSON.GET sensor:7 '$.place.room'
  example_show TTL sensor:7
}

example_hash_sink() {
  say "Running the job: 1000 readings of 20 sensors ..."
  example_run "$1" >&2
  example_show EXISTS sensor:{0..19}
  example_show HGETALL sensor:7
  example_show TTL sensor:7
}

example_redis_job() {
  local job before partition
  job=$(example_run "$1" -d | sed -nE 's/.*JobID ([0-9a-f]{32}).*/\1/p')
  [[ -n $job ]] || die "flink run did not submit the job"
  say "Job $job runs. Adding $EXAMPLE_MESSAGES messages to the topic 'test' ..."
  # The source begins with what comes after its groups are there.
  example_wait "the source's groups" example_has_groups
  before=$(example_written)
  for partition in 0 1 2 3; do
    seq $((EXAMPLE_MESSAGES / 4)) | sed "s/.*/XADD test:$partition * key key-& data &/" | example_cli >/dev/null
  done
  example_wait "the messages in the topic 'output'" example_copied $((before + EXAMPLE_MESSAGES))
  for partition in 0 1 2 3; do example_show XLEN "output:$partition"; done
  example_show XREVRANGE output:0 + - COUNT 1
  (example_flink cancel "$job") >/dev/null
}

example_has_groups() {
  local partition
  for partition in 0 1 2 3; do
    example_cli XINFO GROUPS "test:$partition" 2>/dev/null | grep -q test-group || return 1
  done
}

example_written() {
  local partition sum=0
  for partition in 0 1 2 3; do ((sum += $(example_cli XLEN "output:$partition"))) || true; done
  echo "$sum"
}

example_copied() { (($(example_written) >= $1)); }
