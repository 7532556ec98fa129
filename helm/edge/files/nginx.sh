#!/bin/sh
# Runs nginx beside the node of its pod: nginx.sh CONF FOLDER [FILE...]
#
# CONF    as `edge nginx-config` made it
# FOLDER  what both share, nginx.folder
# FILE    certificates and keys: nginx reads them again when they change, and goes on with the old ones where it cannot
#
# Told to end, nginx serves on for LEAVE_AFTER_S seconds, as long as the node drains, then ends the answers that are under
# way, for CLOSE_S seconds at the most. LOOK_EVERY_S is how often files are looked at. The node cuts the log; it is cut at
# LOG_MAX_BYTES where no node does.
set -u
conf=$1 folder=$2
shift 2
seen="" watch=""

sums() { cat "$conf" "$@" 2>/dev/null | cksum; }

watch() {
  while sleep "${LOOK_EVERY_S:-2}"; do
    now=$(sums "$@")
    if [ "$now" != "$seen" ]; then
      echo "nginx.sh: files have changed, nginx reads them again" >&2
      seen=$now
      kill -HUP "$nginx"
    fi
    size=$(stat -c %s "$folder/access.log" 2>/dev/null) || size=0
    if [ "$size" -gt "${LOG_MAX_BYTES:-134217728}" ]; then : >"$folder/access.log"; fi
  done
}

leave() {
  trap '' TERM QUIT INT
  sleep "${LEAVE_AFTER_S:-0}"
  kill -QUIT "$nginx" 2>/dev/null
  { sleep "${CLOSE_S:-2}" && kill -TERM "$nginx" 2>/dev/null; } &
  limit=$!
  wait "$nginx"
  kill -KILL $watch "$limit" 2>/dev/null
  exit 0
}

mkdir -p "$folder" || exit 1
seen=$(sums "$@")
nginx -e stderr -p "$folder" -c "$conf" &
nginx=$!
trap leave TERM QUIT INT # images of nginx are stopped by QUIT
watch "$@" &
watch=$!
wait "$nginx"
status=$?
kill "$watch"
echo "nginx.sh: nginx has ended with status $status" >&2
exit "$status"
