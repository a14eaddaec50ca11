"""Planning problems small enough to try every plan of, with a bit of every rule, for Hypothesis."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from comity.core import Epoch
from comity.planning.problem import (
    Activity,
    Battery,
    Capacity,
    Contact,
    Duty,
    Exclusive,
    Forbidden,
    Group,
    Opportunity,
    Partner,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Share,
    Slew,
    SlewPiece,
    Station,
    Transition,
    Veto,
)

START = Epoch.from_iso("2026-04-14T04:00:00Z")
HORIZON = 400.0
ALONE = Exclusive(satellite="s0", partner="north", span=(0.0, 60.0))


def towards(degrees: float) -> tuple[float, float, float]:
    a = math.radians(degrees)
    return (math.sin(a), 0.0, -math.cos(a))


@st.composite
def problems(draw: st.DrawFn, *, most: int = 6, continuous: bool = False) -> PlanningProblem:
    """Up to ``most`` opportunities on one or two satellites."""
    pick = draw
    partners = ("north", "south")
    views = pick(st.sampled_from((1, 1, 1, 2)))
    requests = []
    for k in range(pick(st.integers(1, 4))):
        area = k == 0 and pick(st.booleans())
        requests.append(
            Request(
                id=f"r{k}",
                value=float(pick(st.integers(0, 20))),
                tries=pick(st.integers(1, 2)),
                cells=(0.5, 0.25, 0.25) if area else None,
                views=views if k == 1 else 1,
                periods=((0.0, 200.0), (200.0, 400.0)) if k == 2 and pick(st.booleans()) else (),
                spacing_s=pick(st.sampled_from((0.0, 0.0, 60.0))),
                release_s=pick(st.sampled_from((None, None, 40.0))),
                due_s=pick(st.sampled_from((None, None, 300.0))),
                deliver_within_s=pick(st.sampled_from((None, None, 150.0))),
                group=pick(st.sampled_from((None, "g"))),
                tier=pick(st.integers(1, 2)),
                partner=pick(st.sampled_from(partners)),
            )
        )
    slews = (
        None,
        Slew(rate_rad_s=0.02, acceleration_rad_s2=0.01, settle_s=2.0),
        Slew(
            pieces=(
                SlewPiece(upto_rad=0.2, base_s=5.0, s_per_rad=10.0),
                SlewPiece(upto_rad=1.0, base_s=20.0, s_per_rad=0.0),
            )
        ),
    )
    satellites = tuple(
        Satellite(
            id=f"s{k}",
            slew=pick(st.sampled_from(slews)),
            ready_s=0.0,
            memory_bits=pick(st.sampled_from((None, 250.0))),
            stored_bits=pick(st.sampled_from((0.0, 40.0))),
            images_while_sending=pick(st.booleans()),
            sending_gap_s=5.0,
            battery=pick(
                st.sampled_from(
                    (
                        None,
                        Battery(
                            capacity_j=1000,
                            initial_j=600,
                            idle_w=1,
                            imaging_w=10,
                            slew_w=6,
                            sending_w=2,
                            charge_w=3,
                            sunlit=((100.0, 300.0),),
                        ),
                        Battery(
                            capacity_j=1000,
                            initial_j=600,
                            idle_w=1,
                            imaging_w=10,
                            slew_w=6,
                            charge_w=3,
                            sunlit=((95.0, 301.0),),
                            sample_step_s=10,
                        ),
                    )
                )
            ),
            duty=pick(st.sampled_from(((), (Duty(spans=((0.0, 200.0),), most_s=25.0, most_count=2),)))),
            busy=pick(st.sampled_from(((), ((150.0, 170.0),)))),
            partner=partners[k],
        )
        for k in range(pick(st.integers(1, 2)))
    )
    if satellites[0].slew is not None:
        from dataclasses import replace

        satellites = (
            replace(satellites[0], rest=Pointing(at_s=(0.0,), samples=(towards(0.0),))),
            *satellites[1:],
        )
    opportunities = []
    for k in range(pick(st.integers(1, most))):
        request = requests[pick(st.integers(0, len(requests) - 1))]
        start = float(pick(st.integers(0, 34))) * 10
        duration = pick(st.sampled_from((0.0, 10.0, 20.0)))
        slack = pick(st.sampled_from((0.0, 0.0, 20.0)))
        opportunities.append(
            Opportunity(
                id=f"o{k}",
                request=request.id,
                satellite=satellites[pick(st.integers(0, len(satellites) - 1))].id,
                start_s=start,
                end_s=start + duration + slack,
                duration_s=duration,
                step_s=None if continuous else 10.0,
                pointing=pick(
                    st.sampled_from(
                        (
                            None,
                            Pointing(at_s=(start,), samples=(towards(0.0),)),
                            Pointing(at_s=(start, start + 40), samples=(towards(-20.0), towards(25.0))),
                        )
                    )
                ),
                bits=pick(st.sampled_from((0.0, 100.0))),
                power_w=pick(st.sampled_from((None, 20.0))),
                probability=pick(st.sampled_from((1.0, 0.5, 0.25))),
                cells=None if request.cells is None else pick(st.sampled_from(((0,), (0, 1), (1, 2)))),
                view=pick(st.sampled_from(("fore", "aft"))) if request.views > 1 else None,
                pass_id="p" if request.views > 1 else None,
            )
        )
    names = [o.id for o in opportunities]
    rules: tuple[Forbidden, ...] = ()
    sacks: tuple[Capacity, ...] = ()
    transitions: tuple[Transition, ...] = ()
    if len(names) >= 3 and pick(st.booleans()):
        rules = (Forbidden(opportunities=tuple(names[:2])), Forbidden(opportunities=tuple(names[-3:])))
        sacks = (Capacity(id="c", most=3.0, opportunities=tuple(names), amounts=(1.5,) * len(names)),)
        if opportunities[0].satellite == opportunities[1].satellite:
            transitions = (Transition(first=names[0], second=names[1], least_s=35.0),)
    previous: tuple[Activity, ...] = ()
    if pick(st.booleans()):
        previous = (Activity(opportunity="o0", start_s=opportunities[0].start_s),)
    return PlanningProblem(
        name="small",
        start=START,
        horizon_s=HORIZON,
        requests=tuple(requests),
        opportunities=tuple(opportunities),
        satellites=satellites,
        stations=(Station(id="st", setup_s=3.0),),
        contacts=(
            Contact(id="k0", satellite="s0", station="st", start_s=120, end_s=180, rate_bps=4),
            Contact(id="k1", satellite="s0", station="st", start_s=300, end_s=390, rate_bps=4),
            Contact(id="k2", satellite=satellites[-1].id, station="st", start_s=150, end_s=230, rate_bps=4),
        ),
        groups=(Group(id="g", most=pick(st.sampled_from((None, 1, 2))), all_or_none=pick(st.booleans())),),
        transitions=transitions,
        forbidden=rules,
        capacities=sacks,
        partners=tuple(Partner(id=p) for p in partners),
        shares=(Share(partner="north", satellites=("s0",), most_s=30.0),) if pick(st.booleans()) else (),
        vetoes=(Veto(satellite="s0", partner="south"),) if pick(st.booleans()) else (),
        exclusives=(ALONE,) if pick(st.booleans()) else (),
        tiers=pick(st.sampled_from(("sum", "strict"))),
        previous=previous,
        churn_price=pick(st.sampled_from((0.0, 1.0))),
    )
