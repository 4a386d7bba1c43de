"""Published files of readings, each form behind one face: a recording.

    recording    the face: steps of local clock time, a row of measures each
    wide_table   METR-LA and PEMS-BAY: a row a time, a column a sensor (.h5, .csv, .parquet)
    pems         Caltrans PeMS 'Station 5-Minute' files
    opening      which reader a file needs

To add a form: a module here that fulfils `Recording`, and its sign in `opening`.
"""
