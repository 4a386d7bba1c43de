"""What one run of training consists of.

    catalogue   which models can be trained, by what, on which libraries
    work        the folder that survives an interruption, under a fingerprint of everything that decides the result
    held_out    what models forecast of the validation part: what calibration and ensemble are fitted to
    card        what the card of a model says of where it comes from

The order of the run is `train`'s; nothing here fits a model.
"""
