output "records_endpoint" {
  value = aws_db_instance.records.endpoint
}

output "documents_bucket" {
  value = aws_s3_bucket.documents.bucket
}
