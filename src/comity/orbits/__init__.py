"""Elements, frames, time scales and propagation."""

from comity.orbits.catalogue import (
    Catalogue,
    Skipped,
    nearest_in_time,
    parse_elements,
    read_elements,
    select,
)
from comity.orbits.earth import (
    EarthOrientation,
    OrientationAt,
    gmst82,
    itrf_to_teme,
    teme_to_itrf,
    teme_to_itrf_matrix,
)
from comity.orbits.elements import MeanElements
from comity.orbits.geodesy import (
    check_geodetic,
    ecef_to_geodetic,
    elevation_azimuth_deg,
    geodetic_to_ecef,
    local_basis,
    up_vector,
)
from comity.orbits.omm import (
    elements_from_omm,
    elements_to_omm_csv,
    elements_to_omm_json,
    elements_to_omm_kvn,
    elements_to_omm_xml,
    omm_fields,
)
from comity.orbits.sun import sun_direction_itrf, sun_direction_teme, sun_elevation_azimuth_deg
from comity.orbits.tle import parse_tle, to_tle
from comity.orbits.trajectory import PropagationError, SGP4Trajectory, Trajectory, sgp4_trajectories

__all__ = [
    "Catalogue",
    "EarthOrientation",
    "MeanElements",
    "OrientationAt",
    "PropagationError",
    "SGP4Trajectory",
    "Skipped",
    "Trajectory",
    "check_geodetic",
    "ecef_to_geodetic",
    "elements_from_omm",
    "elements_to_omm_csv",
    "elements_to_omm_json",
    "elements_to_omm_kvn",
    "elements_to_omm_xml",
    "elevation_azimuth_deg",
    "geodetic_to_ecef",
    "gmst82",
    "itrf_to_teme",
    "local_basis",
    "nearest_in_time",
    "omm_fields",
    "parse_elements",
    "parse_tle",
    "read_elements",
    "select",
    "sgp4_trajectories",
    "sun_direction_itrf",
    "sun_direction_teme",
    "sun_elevation_azimuth_deg",
    "teme_to_itrf",
    "teme_to_itrf_matrix",
    "to_tle",
    "up_vector",
]
