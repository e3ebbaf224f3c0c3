"""The service on PostgreSQL: the same migrations, the same behaviour, and writers that come at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from provisioning.agent.membership import Membership
from provisioning.fleet import audit
from provisioning.fleet.health import lines
from provisioning.fleet.rollouts import RINGS
from provisioning.fleet.service import Fleet
from tests.crowd import beat, make_boxes
from tests.fleet import SERIAL, Service
from tests.postgres import postgres


def test_enrolment_heartbeats_rollouts_and_audit_on_postgresql(tmp_path: Path) -> None:
    """One service after another process migrated the database."""
    with postgres() as url:
        service = Service(tmp_path / "fleet", database=url).start()
        Fleet(service.folder).store.migrate()
        code = service.register(tmp_path / "box")
        Membership(tmp_path / "box").claim("", code, "Test Clinic")
        service.fleet.rollouts.start("1.1", who="sue", soak_s=0)
        for _ in RINGS[1:]:
            service.fleet.rollouts.advance()
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda n: service.fleet.documents.set_settings(SERIAL, {"exam_days": n}, who="sue"), range(1, 9)
                )
            )
        service.stop()
        with service.fleet.store.read() as session:
            assert audit.trouble(session) is None
        assert service.fleet.documents.newest(SERIAL, "settings", 0).version == 8
        (line,) = lines(service.fleet.store, search="test clinic")
        assert (line.serial, line.state) == (SERIAL, "enrolled")
        service.fleet.store.engine.dispose()


def test_heartbeats_that_come_at_once_on_postgresql(tmp_path: Path) -> None:
    """Each box is told its own number."""
    with postgres() as url:
        service = Service(tmp_path / "fleet", database=url, proxies=("127.0.0.1",))
        boxes = make_boxes(service.fleet, 20)
        for box in boxes[:5]:
            service.fleet.documents.set_settings(box.serial, {"ae_title": "XRAY"}, who="sue")
        app = service.fleet.app()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda box: beat(app.test_client(), box, 1), boxes))
        assert [box.told.settings_version for box in boxes if box.told] == [1] * 5 + [0] * 15
        service.fleet.store.engine.dispose()
