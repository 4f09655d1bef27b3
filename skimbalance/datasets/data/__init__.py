"""Files of the bundled data sets: one ``NAME.csv.gz`` and one ``NAME.md`` a set."""
