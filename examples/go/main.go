// main.go - the trace of one message from Go, through cgo.
//
//	go build -o trace . && ./trace VAULT KEYFILE TENANT MESSAGE [NAME=VALUE]...
//
// Prints the trace as one line of JSON. NAME=VALUE are settings of the library. Exit code 0, or 1 with
// the reason on standard error.
package main

/*
#cgo pkg-config: tracevault
#include <stdlib.h>
#include <tracevault.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// The length of a text that ends with a NUL, as C.CString makes them.
const toNUL = C.size_t(C.TV_NUL)

// told turns a status into an error, and frees the library's. It takes the address: in
// told(call(&e), e) Go may read e before the call.
func told(status C.tv_status, e **C.tv_error) error {
	if status == C.TV_OK {
		return nil
	}
	defer C.tv_error_free(*e)
	return fmt.Errorf("%s: %s", C.GoString(C.tv_status_name(status)),
		C.GoString(C.tv_error_message(*e, nil)))
}

func trace(arguments []string) (string, error) {
	if len(arguments) < 4 {
		return "", errors.New("usage: trace VAULT KEYFILE TENANT MESSAGE [NAME=VALUE]...")
	}
	var texts [4]*C.char
	for i := range texts {
		texts[i] = C.CString(arguments[i])
		defer C.free(unsafe.Pointer(texts[i]))
	}
	// Objects keep alive what they need, so the order in which they are freed does not matter.
	var (
		config  *C.tv_config
		unlock  *C.tv_unlock
		vault   *C.tv_vault
		tenant  *C.tv_tenant
		request *C.tv_request
		engine  *C.tv_engine
		result  *C.tv_result
		e       *C.tv_error
	)
	if err := told(C.tv_config_new(&config, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_config_free(config)
	for _, setting := range arguments[4:] {
		if err := set(config, setting); err != nil {
			return "", err
		}
	}
	if err := told(C.tv_unlock_keyfile(texts[1], toNUL, &unlock, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_unlock_free(unlock)
	if err := told(C.tv_vault_open(texts[0], toNUL, unlock, config, &vault, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_vault_free(vault)
	if err := told(C.tv_tenant_open(vault, texts[2], toNUL, &tenant, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_tenant_free(tenant)
	if err := told(C.tv_request_trace(nil, 0, texts[3], toNUL, &request, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_request_free(request)
	if err := told(C.tv_engine_new(config, &engine, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_engine_free(engine)
	if err := told(C.tv_engine_fetch(engine, tenant, request, &result, &e), &e); err != nil {
		return "", err
	}
	defer C.tv_result_free(result)
	view := C.CString("trace")
	defer C.free(unsafe.Pointer(view))
	var json *C.char // borrowed from the result: copied below
	if err := told(C.tv_result_document(result, view, toNUL, &json, nil, &e), &e); err != nil {
		return "", err
	}
	return C.GoString(json), nil
}

// set sets one setting, NAME=VALUE.
func set(config *C.tv_config, setting string) error {
	name, value, found := strings.Cut(setting, "=")
	if !found {
		return errors.New("a setting is NAME=VALUE")
	}
	cName, cValue := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(cName))
	defer C.free(unsafe.Pointer(cValue))
	var e *C.tv_error
	return told(C.tv_config_set(config, cName, toNUL, cValue, toNUL, &e), &e)
}

func main() {
	json, err := trace(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(json)
}
