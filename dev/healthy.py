"""Exit status 0 if a server on this machine is up: what the containers' health checks run.

python -m dev.healthy 9101           its gRPC health is SERVING
python -m dev.healthy 8080/readyz    its HTTP answer is 200
"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dev.probes import get
from kernel.channels import open_channel
from kernel.settings import load


def serving(port: str) -> bool:
    """True when the gRPC server on the port says that it serves, within two seconds."""
    with open_channel(load(), f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """The exit status."""
    port, slash, path = sys.argv[1].partition("/")
    healthy = get(f"http://127.0.0.1:{port}/{path}")[0] == 200 if slash else serving(port)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
