export interface DavPlace {
  readonly dir: string;
  readonly port: number;
  readonly move?: 'allow' | 'refuse';
  /** Reads are redirected to this port, as OpenList and Nextcloud over object storage do it. */
  readonly readPort?: number | undefined;
}

const apacheModules = [
  'mpm_event',
  'authn_core',
  'authn_file',
  'authz_core',
  'authz_user',
  'auth_basic',
  'mime',
  'dav',
  'dav_fs',
];

export function apacheConf({ dir, port, move, readPort }: DavPlace): string {
  const refusal = move === 'refuse' ? '<Limit MOVE>\nRequire all denied\n</Limit>' : '';
  return `
ServerRoot ${dir}
PidFile ${dir}/pid
Listen 127.0.0.1:${port}
ServerName localhost
ErrorLog ${dir}/error.log
Mutex file:${dir}/lock default
StartServers 1
${apacheModules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
DocumentRoot ${dir}/www
DavLockDB ${dir}/lock/db
<Directory ${dir}/www>
  Dav On
  AuthType Basic
  AuthName stowage
  AuthUserFile ${dir}/users.sha
  Require valid-user
  ${refusal}
</Directory>
${readPort === undefined ? '' : redirectedReads(dir, readPort)}
`;
}

/**
 * The other place takes GET only, by a signature in the address, and no credentials: object stores
 * refuse a request that has both.
 */
function redirectedReads(dir: string, port: number): string {
  return `
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
Listen 127.0.0.1:${port}
RewriteEngine On
RewriteCond %{REQUEST_METHOD} ^(GET|HEAD)$
RewriteCond ${dir}/www%{REQUEST_URI} -f
RewriteRule ^ http://127.0.0.1:${port}%{REQUEST_URI}?sign=canary-signature [R=302,L,NE]
<VirtualHost 127.0.0.1:${port}>
  DocumentRoot ${dir}/www
  <Directory ${dir}/www>
    Dav Off
    Require expr "-z req('Authorization') && %{QUERY_STRING} == 'sign=canary-signature' && %{REQUEST_METHOD} == 'GET' && -z req('X-Extra')"
  </Directory>
</VirtualHost>
`;
}

export function nginxConf({ dir, port }: DavPlace): string {
  return `
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
pid ${dir}/pid;
daemon off;
worker_processes 1;
events { worker_connections 256; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${dir}/tmp/body;
  proxy_temp_path ${dir}/tmp/proxy;
  fastcgi_temp_path ${dir}/tmp/fastcgi;
  uwsgi_temp_path ${dir}/tmp/uwsgi;
  scgi_temp_path ${dir}/tmp/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${dir}/www;
    auth_basic stowage;
    auth_basic_user_file ${dir}/users.sha;
    location / {
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_ext_methods PROPFIND OPTIONS;
    }
  }
}
`;
}

export function lighttpdConf({ dir, port }: DavPlace): string {
  return `
server.document-root = "${dir}/www"
server.bind = "127.0.0.1"
server.port = ${port}
server.errorlog = "${dir}/error.log"
server.upload-dirs = ( "${dir}/tmp" )
server.modules = ( "mod_auth", "mod_authn_file", "mod_webdav" )
auth.backend = "plain"
auth.backend.plain.userfile = "${dir}/users.plain"
auth.require = ( "" => ( "method" => "basic", "realm" => "stowage", "require" => "valid-user" ) )
webdav.activate = "enable"
webdav.sqlite-db-name = "${dir}/lock/props.db"
`;
}
