"""The schema registry: `proto/` is the registry, a review is its gate, and this is what both ask.

`check` says whether a change may be released, `report` tells a reviewer what it is, `golden` writes the
stored bytes of new events, `release` freezes a version. Each is a function that returns data; only
`__main__` prints. How to change a contract: docs/schema.md.

sources    contracts of a folder, a git ref, a descriptor image, or the released baseline
contracts  one compiled version of the contracts, and what its options say
changes    what differs between two versions
laws/      what a change may not do, one file a law's subject
buf        buf lint and buf breaking
golden     stored bytes of every event and what they read as, through the tree's own upcasters
"""
