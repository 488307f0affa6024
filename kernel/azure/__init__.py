"""The azure engine: the ports of storage over Azure Table Storage and Queue Storage."""
