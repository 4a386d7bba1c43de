"""Published files and simulated traffic: readers, importing of networks, feeds."""
