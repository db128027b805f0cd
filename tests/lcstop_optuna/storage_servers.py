"""Storage servers that tests start and stop: PostgreSQL, and Optuna's gRPC proxy."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVE = """
import sys
from optuna.storages import get_storage, run_grpc_proxy_server
run_grpc_proxy_server(get_storage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, server: subprocess.Popen, seconds: float = 120.0) -> None:
    """Wait until the server listens on the port."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server has not started: {server.args}") from error
            time.sleep(0.05)
        else:
            return


class Postgres:
    """A PostgreSQL server in a temporary folder. It runs as ``nobody`` if the tests run as root."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"postgresql+psycopg://lcstop@127.0.0.1:{self.port}/postgres"
        self._folder = Path(tempfile.mkdtemp())
        self._user = {}
        if os.geteuid() == 0:
            self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self._folder, "nobody", "nogroup")
        self._data = self._folder / "data"
        initdb = [self._program("initdb"), "-D", self._data, "-U", "lcstop", "--auth=trust", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self._folder, **self._user)  # noqa: S603
        self.start()

    @staticmethod
    def _program(name: str) -> str:
        newest = max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=name)
        found = shutil.which(name) or shutil.which(newest)
        if found is None:
            raise RuntimeError(f"{name} is not installed: apt-get install postgresql")
        return found

    def start(self) -> None:
        command = [self._program("postgres"), "-D", self._data, "-k", self._folder, "-p", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603
                command, stdout=log, stderr=log, cwd=self._folder, **self._user
            )
        wait_for(self.port, self._server)

    def crash(self) -> None:
        """Stop at once, as in a power failure. The server replays its log at the next start."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

    def close(self) -> None:
        self.crash()
        shutil.rmtree(self._folder)


class GrpcProxy:
    """A process that runs ``run_grpc_proxy_server`` in front of a database."""

    def __init__(self, database: str) -> None:
        self.port = free_port()
        self.url = f"grpc:{self.port}"
        self._database = database
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", SERVE, self._database, str(self.port)]
        self._server = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
        wait_for(self.port, self._server)

    def crash(self) -> None:
        self._server.kill()
        self._server.wait()

    close = crash
