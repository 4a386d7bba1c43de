"""Trained models in the archive: which versions there are, what each serves as, and which speak now.

    registry     versions in the archive, looked up again every few seconds; damaged ones are refused with their reason
    loading      from an artefact to a model that serves
    serving      the champion and those beside it at one time, swapped in one assignment
    roles        who is champion: `champion.json`, or the first of an order of preference
    roster       what each version serves as, for the store
    pretrained   the weights that come with the product, as an archive that can only be read
    recent_speeds  those that a network begins with, from a history
    profile      the usual speeds alone, for services that have no use for models

All I/O goes through the port of the archive; `pretrained` fulfils it with files of its own. Nothing here trains or
judges: `scoring.promotion` says who has earned it.
"""
