# Installed headers and find_package(gna).
