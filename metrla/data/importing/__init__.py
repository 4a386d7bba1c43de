"""Network folders from the files that METR-LA, PEMS-BAY and Caltrans PeMS publish.

    table, stations       published tables, whatever they call their columns
    freeways, postmiles   names and directions; postmiles where a file has none
    graph                 edges from road distances
    published             sensors and edges become a network, with notes on what was left out
    folder                the network into the folder that services read

Files of these publishers differ in names, units and what is missing; a `Network` of `shared.traffic` is what comes out.
"""
