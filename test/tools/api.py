"""An HTTP API by FastAPI, whose OpenAPI document it writes by itself: api.py PORT."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="orders")


class Order(BaseModel):
    item: str
    count: int = 1


@app.get("/orders/{number}", operation_id="read_order")
def read_order(number: int, verbose: bool = False) -> dict:
    """Reads an order."""
    return {"number": number, "verbose": verbose}


@app.post("/orders", operation_id="make_order", status_code=201)
def make_order(order: Order) -> dict:
    """Makes an order."""
    return {"made": order.model_dump()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
