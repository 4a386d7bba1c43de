"""Network folders from the files that METR-LA, PEMS-BAY and Caltrans PeMS publish."""
