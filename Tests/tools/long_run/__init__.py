"""long_run: an epoll host and an rsyslog host that live through troubles, and what is measured of them."""
