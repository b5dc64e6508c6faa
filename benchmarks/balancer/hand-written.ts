/**
 * What a good administrator would write for the same job without Understudy, for HAProxy and for nginx: two members,
 * checks or what nginx has instead, a cookie where the engine can set one, the client's address handed on, TLS of today,
 * and a log. Written by hand on purpose: nothing here is shared with our renderers.
 */

import { ROOM } from "./wire.ts";

/** Members as the web server's addresses and ports. */
export interface Site {
  readonly address: string;
  readonly members: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  /** Certificate and key in one file, and the key alone. */
  readonly certificate: string;
}

/** Lines that let a request which can be repeated survive the death of its member; HAProxy copies each request for them. */
const REPEAT = `    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE }
`;

export function handWrittenHaproxy(
  { address, members, certificate }: Site,
  { socket, isRepeating }: { readonly socket: string; readonly isRepeating: boolean },
): string {
  const servers = members.map(
    ({ name, address: to, port }) => `    server ${name} ${to}:${port} cookie ${name} check inter 2s fall 3 rise 2`,
  );
  return `global
    master-worker
    log /dev/log local0
    maxconn 4000
    stats socket ${ROOM}/${socket}.sock mode 600 level admin
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256

defaults
    mode http
    log global
    option httplog
    option dontlognull
    option redispatch
    retries 3
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    timeout http-request 10s
    timeout tunnel 1h

frontend www
    bind ${address}:80
    bind ${address}:443 ssl crt ${certificate} alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
    http-request set-header X-Real-IP %[src]
    option forwardfor
    default_backend web

backend web
    balance roundrobin
    cookie SERVERID insert indirect nocache
    option httpchk HEAD /check.txt
${isRepeating ? REPEAT : ""}${servers.join("\n")}
`;
}

export function handWrittenNginx({ address, members, certificate }: Site): string {
  const servers = members.map(({ address: to, port }) => `    server ${to}:${port} max_fails=1 fail_timeout=10s;`);
  return `user www-data;
worker_processes auto;
worker_rlimit_nofile 20000;
pid ${ROOM}/hand-nginx.pid;
error_log ${ROOM}/hand-nginx-error.log;
events { worker_connections 8000; }
http {
  log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
  access_log ${ROOM}/hand-nginx-access.log main;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 65s;
  keepalive_requests 100000;
  client_body_temp_path ${ROOM}/tmp/hand-body;
  proxy_temp_path ${ROOM}/tmp/hand-proxy;
  fastcgi_temp_path ${ROOM}/tmp/hand-fastcgi;
  uwsgi_temp_path ${ROOM}/tmp/hand-uwsgi;
  scgi_temp_path ${ROOM}/tmp/hand-scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
  ssl_session_cache shared:hand:10m;
  ssl_session_tickets off;
  map $http_upgrade $connection_header { default upgrade; '' ''; }
  upstream web {
${servers.join("\n")}
    keepalive 64;
  }
  server {
    listen ${address}:80 backlog=4096;
    listen ${address}:443 ssl http2 backlog=4096;
    server_name example.com www.example.com;
    ssl_certificate ${certificate};
    ssl_certificate_key ${certificate};
    location / {
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_connect_timeout 5s;
      proxy_read_timeout 50s;
      proxy_send_timeout 50s;
      proxy_next_upstream error timeout;
    }
  }
}
`;
}

/** The web server itself: two members, one kilobyte and a hundred, plain and by TLS. */
export function webServer(addresses: readonly string[], port: number, certificate: string): string {
  const listens = addresses.flatMap((address) => [
    `    listen ${address}:${port} backlog=4096;`,
    `    listen ${address}:${port + 443} ssl http2 backlog=4096;`,
  ]);
  return `user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${ROOM}/web.pid;
error_log ${ROOM}/web-error.log;
events { worker_connections 8000; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=100 inactive=1h;
  keepalive_timeout 1h;
  keepalive_requests 100000000;
  client_body_temp_path ${ROOM}/tmp/web-body;
  proxy_temp_path ${ROOM}/tmp/web-proxy;
  fastcgi_temp_path ${ROOM}/tmp/web-fastcgi;
  uwsgi_temp_path ${ROOM}/tmp/web-uwsgi;
  scgi_temp_path ${ROOM}/tmp/web-scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate ${certificate};
  ssl_certificate_key ${certificate};
  server {
${listens.join("\n")}
    root ${ROOM}/site;
  }
}
`;
}
