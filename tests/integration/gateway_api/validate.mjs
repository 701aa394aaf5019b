// Copyright (c) 2026, Taga Dodo deploy contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Reads a list of HTTPRoutes as JSON; prints what is wrong with each, by what Gateway API says of types and values.
import { readFileSync } from "node:fs";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";

const problem = (route) => {
  try {
    new HTTPRoute(route).validate();
    return "";
  } catch (error) {
    return error.message;
  }
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(problem)));
