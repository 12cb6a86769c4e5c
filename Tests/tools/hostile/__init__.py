"""hostile: servers that lie, stall, flood and break off, one scenario a row, and their client."""
