"""The mechanism that the services share: contracts, storage, consumers, gRPC. It knows no domain."""

VERSION = "0.1.0"
