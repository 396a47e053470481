"""The two applications that Flower runs; everything that they do is in isotropy.federation."""

from isotropy.federation.flower import client_app, server_app

client = client_app()
server = server_app()
