"""Published files of readings, in all formats seen alike: as a `ReadingsFile`.

    readings_file   the protocol: steps of local clock time, a row of measures each
    wide_table      METR-LA and PEMS-BAY: a row a time, a column a sensor (.h5, .csv, .parquet)
    pems            Caltrans PeMS 'Station 5-Minute' files
    formats         which reader a file needs

To add a format: a module here that fulfils `ReadingsFile`, and its suffix in `formats`.
"""
