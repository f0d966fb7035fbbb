"""What a partner sees: their leads, their place, how they prepare."""

from fastapi import APIRouter

from rasti.portal.cabinet import decline, lead, leads, profile, regulation, standing

router = APIRouter()
for area in (leads, decline, lead, standing, profile, regulation):
    router.include_router(area.router)
