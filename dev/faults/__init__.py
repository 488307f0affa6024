"""The real processes under load and faults, held to Prism's promises: `make faults`.

    people      shoppers and merchants over HTTP       audience   screens that follow the stream
    breakages   what goes wrong with processes         proxy      what goes wrong with storage's answers
    clocks      clocks that jump                       rest       the stack at rest, as a history
    campaign    one engine, from start to verdict      report     the figures

The promises are those of dev.promises, and so are the shoppers' ways (dev.simulation.workload): what is real
here and simulated there is processes, time, both engines, Redis, HTTP, gRPC and SSE.
"""
