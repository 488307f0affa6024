"""What services tell of themselves: log lines, spans and metrics."""
