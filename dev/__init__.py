"""What developers run: the stack on this machine, the demo, the benchmark, the code generator."""
