"""Published files of readings, in all formats seen alike: as a `ReadingsFile`.

    readings_file   the protocol: steps in time, a row of measures each
    times           what is clearly a time in a file, and how others are to be read
    faults          what libraries raise for a damaged file, as one line
    text_rows       the rows of a text table, each with all its cells
    wide_table      METR-LA and PEMS-BAY: a row a time, a column a sensor (.h5, .csv, .parquet)
    hdf5            the table of an HDF5 file, which may crash its library
    pems            Caltrans PeMS 'Station 5-Minute' files
    formats         which reader a file needs

To add a format: a module here that fulfils `ReadingsFile`, and its suffix in `formats`.
"""
