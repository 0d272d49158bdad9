/** URN of the User schema (RFC 7643 section 4.1). */
export const CORE_USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
/** URN of the Group schema (section 4.2). */
export const CORE_GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
/** URN of the enterprise extension of User (section 4.3). */
export const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
/** URN of a list of resources (RFC 7644 section 3.4.2). */
export const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
/** URN of a PATCH request (section 3.5.2). */
export const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
