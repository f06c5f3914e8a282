"""Six shops on loopback: `python -m sandbox shops`.

Here are catalogues that change by day, the wire formats of the shops, their limits and faults on order. What reads
shops does not belong here: the sandbox knows their formats by itself.
"""
