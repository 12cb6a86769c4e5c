// LibraryAPI.swift
internal import CTraceVault
import TraceVaultCore

@_cdecl("tv_abi") @implementation
public func tv_abi() -> Int32 { TV_ABI }
