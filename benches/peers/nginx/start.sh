#!/bin/sh
# Runs nginx on PORT: /health is a constant, all other paths are proxied to UPSTREAM (host:port) over keep-alive
# connections. nginx cannot read its port from the environment, so this shell writes the configuration to DIR, the
# first argument, and replaces itself by nginx. It starts no other program.
set -eu
health='{"status":"ok","service":"nginx","version":"1","uptime_seconds":0}'
printf '%s' "worker_processes 1; daemon off; pid $1/pid; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path $1; proxy_temp_path $1; fastcgi_temp_path $1; uwsgi_temp_path $1; scgi_temp_path $1;
  upstream behind { server ${UPSTREAM:-127.0.0.1:9}; keepalive 64; }
  server {
    listen ${HOST:-127.0.0.1}:$PORT;
    location = /health { return 200 '$health'; }
    location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off; }
  }
}" >"$1/$PORT.conf"
exec /usr/sbin/nginx -c "$1/$PORT.conf"
