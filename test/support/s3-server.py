"""A real S3 server for tests: OpenStack Swift with its s3api, all four of its servers in one process.

Usage: s3-server.py FOLDER ACCESS_KEY SECRET. Ports are free ones; "listening on URL" is printed when it answers. Ends
when its standard input does, and removes its folder, so that no test run leaves one behind.
"""
import os
import shutil
import socket
import sys
from time import time as now

import swift.common.utils as utils

folder, access_key, secret = sys.argv[1:4]
# Read by other modules of Swift while they are imported, so it stands first.
utils.SWIFT_CONF_FILE = os.path.join(folder, 'swift.conf')
with open(utils.SWIFT_CONF_FILE, 'w') as conf:
    conf.write(
        '[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n'
        '[storage-policy:0]\nname = Policy-0\ndefault = yes\n'
        # So that no machine needs room for the gigabytes that Swift would set aside for its largest segment.
        '[swift-constraints]\nmax_file_size = 5368709122\n'
    )

from swift.common import wsgi  # noqa: E402

utils.eventlet_monkey_patch()

import eventlet  # noqa: E402
import eventlet.wsgi  # noqa: E402
from eventlet.hubs import trampoline  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

STORES = ('account', 'container', 'object')

STORE = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_address = /dev/null
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
recon_cache_path = {folder}/cache
"""

FILTERS = {
    'catch_errors': '',
    'gatekeeper': '',
    'listing_formats': '',
    'bulk': '',
    's3api': 's3_acl = false\nlocation = us-east-1\n',
    # An access key is `account:user` here.
    'tempauth': 'user_{} = {} .admin\n'.format(access_key.replace(':', '_'), secret),
    'slo': '',
    'dlo': '',
    'symlink': '',
    'versioned_writes': 'allow_object_versioning = true\n',
}

PROXY = """[DEFAULT]
swift_dir = {folder}
log_address = /dev/null
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk s3api tempauth slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
"""


def listen():
    sock = eventlet.listen(('127.0.0.1', 0), backlog=256)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def write_ring(name, port):
    builder = RingBuilder(2, 1, 0)
    place = {'ip': '127.0.0.1', 'port': port, 'replication_ip': '127.0.0.1', 'replication_port': port}
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'device': 'd1', 'weight': 1.0, 'meta': '', **place})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, f'{name}.ring.gz'))


class Cache:
    """What Swift asks a memcached for. There is one process, so its memory will do."""

    def __init__(self):
        self.kept = {}

    def get(self, key, **_):
        value, until = self.kept.get(key, (None, 0))
        return value if until == 0 or until > now() else None

    def set(self, key, value, time=0, **_):
        self.kept[key] = (value, time and now() + time)

    def delete(self, key, **_):
        self.kept.pop(key, None)

    def incr(self, key, delta=1, time=0, **_):
        self.set(key, (self.get(key) or 0) + delta, time)
        return self.get(key)


def cached(app):
    cache = Cache()

    def answer(env, start):
        env['swift.cache'] = cache
        return app(env, start)

    return answer


def serve(name, text, sock):
    path = os.path.join(folder, f'{name}.conf')
    with open(path, 'w') as conf:
        conf.write(text)
    app = cached(wsgi.loadapp(path, global_conf={'log_name': name}))
    # Clients look for `ETag`, which would become `Etag`.
    rules = {'protocol': wsgi.SwiftHttpProtocol, 'socket_timeout': 60, 'capitalize_response_headers': False}
    eventlet.spawn(eventlet.wsgi.server, sock, app, wsgi.NullLogger(), **rules)


def main():
    os.makedirs(os.path.join(folder, 'devices/d1'), exist_ok=True)
    os.makedirs(os.path.join(folder, 'cache'), exist_ok=True)
    sockets = {name: listen() for name in STORES}
    for name, sock in sockets.items():
        write_ring(name, sock.getsockname()[1])
    for name, sock in sockets.items():
        serve(name, STORE.format(folder=folder, name=name), sock)
    filters = ''.join(f'[filter:{name}]\nuse = egg:swift#{name}\n{more}' for name, more in FILTERS.items())
    proxy = listen()
    serve('proxy', PROXY.format(folder=folder) + filters, proxy)
    print(f'listening on http://127.0.0.1:{proxy.getsockname()[1]}', flush=True)
    while True:
        trampoline(0, read=True)
        if not os.read(0, 4096):
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)


main()
