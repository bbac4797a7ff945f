"""Python loads this before each client: connections to X's hosts go to the local X."""
import os
import re
import socket

_hosts = re.compile(r"^((api|upload|www)\.)?(x|twitter)\.com$")
_find = socket.getaddrinfo


def _local(host, port, *rest, **named):
    if not _hosts.match(host):
        raise OSError("a request to " + host)
    return _find("127.0.0.1", int(os.environ["X_PORT"]), *rest, **named)


socket.getaddrinfo = _local
