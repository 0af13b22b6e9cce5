from engate.logs import configure

configure("WARNING", json=True)
