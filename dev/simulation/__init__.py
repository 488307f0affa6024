"""The whole shop in one process, on a simulated clock, over storage and a network that fail by a seed.

    world      time, actors and who runs next            faults     what goes wrong, and when
    storage    queues, events and views in memory        redis      Redis in memory
    processes  the real services, able to die            workload   what shoppers and merchants do
    messages   the command that an action comes to       clients    who sends it
    watchers   who follows the stream                    checks     the promises, and what only a run shows
    run        one seed, from start to verdict           shrinking  the shortest history that fails
    mutants    planted bugs, to see them found

The code under test is the real one: the services' handlers, policies and projections, their wiring, the
kernel, the edge's acceptance, the stream's reader and hub. Storage, Redis, time, threads are not.
"""
