"""The doctor: the state database, the object store and Dagster's instance held against each other."""
