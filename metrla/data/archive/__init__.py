"""Raw events out of the archive.

    events                read back by network and time
    feed                  delivered again, in the order that they had on the log
    audit, verification   the proof that the archive holds what the log holds: reading both, and judging an offset

The archive itself, its layout and its files: `shared.archive`. Only commands come here, no service.
"""
