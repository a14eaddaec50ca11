"""Elements, frames, time scales and propagation."""

from comity.orbits.batch import StateGrid, itrf_states
from comity.orbits.catalogue import (
    Catalogue,
    Orbits,
    nearest_in_time,
    parse_elements,
    read_elements,
    read_orbits,
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
from comity.orbits.elements import OLD_DAYS, MeanElements, Skipped, age_warnings, expected_error_km
from comity.orbits.ephemeris import Ephemeris, EphemerisSegment, EphemerisTrajectory, sample_ephemeris
from comity.orbits.frames import (
    FRAMES,
    frame_of,
    from_itrf,
    gcrf_to_itrf,
    gcrf_to_itrf_matrix,
    gcrf_to_teme,
    itrf_to_gcrf,
    teme_to_gcrf,
    to_itrf,
)
from comity.orbits.geodesy import (
    check_geodetic,
    ecef_to_geodetic,
    elevation_azimuth_deg,
    geodetic_to_ecef,
    local_basis,
    up_vector,
)
from comity.orbits.oem import ephemeris_to_oem, read_oem_kvn, read_oem_xml
from comity.orbits.omm import (
    elements_from_omm,
    elements_to_omm_csv,
    elements_to_omm_json,
    elements_to_omm_kvn,
    elements_to_omm_xml,
    omm_fields,
)
from comity.orbits.sp3 import read_sp3
from comity.orbits.sun import sun_direction_itrf, sun_direction_teme, sun_elevation_azimuth_deg
from comity.orbits.tle import parse_tle, to_tle
from comity.orbits.trajectory import PropagationError, SGP4Trajectory, Trajectory, sgp4_trajectories

__all__ = [
    "FRAMES",
    "OLD_DAYS",
    "Catalogue",
    "EarthOrientation",
    "Ephemeris",
    "EphemerisSegment",
    "EphemerisTrajectory",
    "MeanElements",
    "Orbits",
    "OrientationAt",
    "PropagationError",
    "SGP4Trajectory",
    "Skipped",
    "StateGrid",
    "Trajectory",
    "age_warnings",
    "check_geodetic",
    "ecef_to_geodetic",
    "elements_from_omm",
    "elements_to_omm_csv",
    "elements_to_omm_json",
    "elements_to_omm_kvn",
    "elements_to_omm_xml",
    "elevation_azimuth_deg",
    "ephemeris_to_oem",
    "expected_error_km",
    "frame_of",
    "from_itrf",
    "gcrf_to_itrf",
    "gcrf_to_itrf_matrix",
    "gcrf_to_teme",
    "geodetic_to_ecef",
    "gmst82",
    "itrf_states",
    "itrf_to_gcrf",
    "itrf_to_teme",
    "local_basis",
    "nearest_in_time",
    "omm_fields",
    "parse_elements",
    "parse_tle",
    "read_elements",
    "read_oem_kvn",
    "read_oem_xml",
    "read_orbits",
    "read_sp3",
    "sample_ephemeris",
    "select",
    "sgp4_trajectories",
    "sun_direction_itrf",
    "sun_direction_teme",
    "sun_elevation_azimuth_deg",
    "teme_to_gcrf",
    "teme_to_itrf",
    "teme_to_itrf_matrix",
    "to_itrf",
    "to_tle",
    "up_vector",
]
