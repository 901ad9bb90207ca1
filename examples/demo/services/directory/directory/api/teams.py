"""Teams."""

from fastapi import APIRouter, HTTPException, status

from directory.models import Team
from directory.schemas import TeamIn
from directory.store import Db, team_by_name

router = APIRouter(prefix="/teams", tags=["teams"])


@router.post("", status_code=status.HTTP_201_CREATED)
def create_team(team: TeamIn, db: Db) -> dict[str, str]:
    if team_by_name(db, team.name) is not None:
        raise HTTPException(status.HTTP_409_CONFLICT)
    db.add(Team(name=team.name))
    return {"name": team.name}
