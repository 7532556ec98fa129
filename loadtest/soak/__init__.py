"""Nodes under modest load for an hour or longer: does their memory stay flat?"""
