#!/bin/sh
# Starts Redis on the redis.conf beside this file, with REDIS_PASSWORD as the relays' password: it stands in no file and on no command line.
# Arguments go to redis-server.
set -eu
: "${REDIS_PASSWORD:?is missing: the relays log in with it}"
hash=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d' ' -f1)
exec redis-server - "$@" <<CONF
$(sed "s/PASSWORD_SHA256/$hash/" "$(dirname "$0")/redis.conf")
CONF
