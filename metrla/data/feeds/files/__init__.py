"""Published files of readings, each form behind one face: a recording."""
