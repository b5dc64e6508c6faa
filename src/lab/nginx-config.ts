/** The configuration of a member's real nginx: one worker, everything below its own folder, a page that names it. */

/** While this file exists, the nginx of this folder answers every request with 500. */
export function brokenFile(directory: string): string {
  return `${directory}/broken`;
}

/** Text of `nginx.conf`. `directory` is writable by the member and holds pid, log and temporary files. */
export function renderNginxConfig({ node, directory }: { node: string; directory: string }): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${directory}/${kind};`)
    .join("\n");
  // `user root`: in a user namespace only one user exists, and nginx must not try to become another.
  return `user root;
worker_processes 1;
daemon off;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 2048; }
http {
  access_log off;
${temporary}
  keepalive_timeout 3600;
  keepalive_requests 1000000;
  server {
    listen 0.0.0.0:80 backlog=1024;
    listen [::]:80 ipv6only=on backlog=1024;
    location / {
      default_type text/plain;
      if (-f ${brokenFile(directory)}) {
        return 500 "broken on purpose\\n";
      }
      return 200 "${node}\\n";
    }
  }
}
`;
}
