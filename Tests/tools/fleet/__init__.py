"""What the tests of many hosts share: scenes around a real object store and a real Redis."""
