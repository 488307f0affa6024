"""prismctl: what operators do to a running Prism, from a terminal or a script.

__main__      the program: its commands by name, each loaded when it is asked for
options       what every command takes: token, addresses, `--json`
commands      how a function becomes a command: the options, and what an error ends as
session       one run: its options, its output, its workers
connections   gRPC to the workers; what a failed call means
output        tables, JSON, and how times and sizes read
errors        the tree of failures, and the exit code of each
completion    names that the shell completes
consumers     what pause and resume share
decoded       commands and events, opened
progress      bars and lines of a rebuild

The rest is a module a group of commands. It is a client of the admin plane and imports no service.
"""
